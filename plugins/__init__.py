"""What Pelican lacks, one small module per capability."""
