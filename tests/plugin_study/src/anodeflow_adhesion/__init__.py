"""Work of adhesion of interfaces, a study for anodeflow."""
