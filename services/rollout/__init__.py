"""The durable workflow that carries out an approved promotion."""
