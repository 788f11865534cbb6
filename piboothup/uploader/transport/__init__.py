"""HTTP over bad networks: connections, deadlines, certificates, errors."""
