"""What runs beside a code: relaxation, bands of images, Hessians. Few imports: it runs in a code's own process."""
