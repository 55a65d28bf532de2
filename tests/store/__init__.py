"""What every store promises, written once and run on each; then what is one store's own."""
