import MetasalKit

// metasal's command line with four components of one's own, each in its file. Recipes name them like those that are built in.
Registries.objectives.register(Concentration())
Registries.methods.register(GatedNorm())
Registries.measures.register(PeakOffset())
Registries.datasets.register(Stripes())
MetasalCommand.main()
