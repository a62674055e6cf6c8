import MetasalKit

// metasal's command line with four additional components, each in its own file. Recipes name them like the built-in
// ones.
Registries.objectives.register(Concentration())
Registries.methods.register(GatedNorm())
Registries.measures.register(PeakOffset())
Registries.datasets.register(Stripes())
MetasalCommand.main()
