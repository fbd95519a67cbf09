"""Magnify video files and image sequences: what ``microexpr magnify`` runs."""
