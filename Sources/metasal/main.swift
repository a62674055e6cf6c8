import Commands

// The command line with the components that metasal has. A program with components of its own looks the same, but for one
// line for each of them: `Registries.objectives.register(Sharpness())`.
MetasalCommand.main()
