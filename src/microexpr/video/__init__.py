"""Video and images in, video out."""
