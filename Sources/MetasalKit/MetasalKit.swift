// A single import for all of metasal: tensors and networks, saliency maps and measures, objectives and the meta step,
// file formats and data sets, recipes and training, and the command line.
@_exported import Commands
@_exported import Components
@_exported import Datasets
@_exported import Formats
@_exported import Learning
@_exported import Logging
@_exported import Networks
@_exported import Processes
@_exported import Recipes
@_exported import Saliency
@_exported import Tensors
@_exported import Training
