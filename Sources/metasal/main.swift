import Commands

// The command line with metasal's own components. A program with additional components has one more line for each of
// them, such as `Registries.objectives.register(Sharpness())`.
MetasalCommand.main()
