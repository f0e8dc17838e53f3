"""A potential that learns from DFT: data of finished calculations, a linear correction, better places to start from."""
