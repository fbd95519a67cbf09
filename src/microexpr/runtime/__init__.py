"""What every job needs: files, tables, progress, resources, resuming."""
