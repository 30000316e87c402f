"""The commands as a shell runs them: exit code, standard output, standard error, files."""
