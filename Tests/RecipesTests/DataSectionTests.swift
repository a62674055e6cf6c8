import Components
import Datasets
import TestSupport
import Testing

@testable import Recipes

@Suite("The section data of a recipe") struct DataSectionTests {
  @Test(
    "every data set and augmentation is written with every setting, in short form if possible",
    arguments: [
      ("train={ folder: /d/f }", "train.folder=/d/f"),
      ("train={ folder: { path: /d/f, classes: /d/c } }", "train.folder.path=/d/f train.folder.classes=/d/c"),
      ("train={ folder: { path: /d/f } }", "train.folder=/d/f"),
      ("train={ cifar10: /d/a }", "train.cifar10=/d/a"),
      ("train={ cifar100: [/d/a, /d/b] }", "train.cifar100=/d/a,/d/b"),
      (
        "train={ csv: { file: /d/l, box_columns: [l, t, r, b] } }",
        "train.csv.file=/d/l train.csv.images=~ train.csv.classes=~ train.csv.image_column=image "
          + "train.csv.label_column=label train.csv.box_columns=l,t,r,b"
      ),
      (
        "train={ voc: { folder: /d/v } }",
        "train.voc.folder=/d/v train.voc.split=val train.voc.samples=classes train.voc.difficult=true "
          + "train.voc.classes=~"
      ),
      (
        "train={ coco: { annotations: /d/a, images: /d/i, samples: images } }",
        "train.coco.annotations=/d/a train.coco.images=/d/i train.coco.samples=images"
      ),
      (
        "train={ idx: { images: /d/i, labels: /d/l } }",
        "train.idx.images=/d/i train.idx.labels=/d/l train.idx.classes=~"
      ),
      ("train={ hdf5: /d/h }", "train.hdf5=/d/h"),
      (
        "train={ hdf5: { file: /d/h, labels: wide } }",
        "train.hdf5.file=/d/h train.hdf5.images=images train.hdf5.labels=wide train.hdf5.classes=~"
      ),
      (
        "train=scenes",
        "train.scenes.count=1000 train.scenes.size=32 train.scenes.classes=8 train.scenes.objects=2 train.scenes.seed=0"
      ),
      ("augmentation=padded_crop", "augmentation.0.padded_crop=4"),
      ("augmentation=[{ padded_crop: { padding: 2 } }]", "augmentation.0.padded_crop=2"),
      ("augmentation=horizontal_flip", "augmentation=horizontal_flip"),
      (
        "augmentation=randaugment", "augmentation.0.randaugment.operations=2 augmentation.0.randaugment.magnitude=9"
      ),
      (
        "augmentation=[{ color_jitter: {} }]",
        "augmentation.0.color_jitter.brightness=0.0 augmentation.0.color_jitter.contrast=0.0 "
          + "augmentation.0.color_jitter.saturation=0.0 augmentation.0.color_jitter.hue=0.0"
      ),
      ("mixing=cutmix", "mixing.0.cutmix=1.0"),
      ("mixing=[mixup, { cutmix: 0.5 }]", "mixing.0.mixup=0.2 mixing.1.cutmix=0.5"),
    ])
  func written(_ flag: String, _ expected: String) throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(try folder.write("r.yaml", Sample.text), overrides: ["data.\(flag)"])
    let key = "data.\(flag.prefix { $0 != "=" })"
    let found = recipe.flattened.filter { $0.key == key || $0.key.hasPrefix(key + ".") }
      .map { "\($0.key.dropFirst(5))=\($0.value.replacing(", ", with: ","))" }
    #expect(found.joined(separator: " ") == expected)
    #expect(try Recipe.parse(recipe.yaml, source: "again").yaml == recipe.yaml)
  }

  @Test(
    "errors in a data set are reported with their key",
    arguments: [
      ("train=folder", "data.train.folder.path: missing"),
      ("train={ cifar10: [] }", "data.train.cifar10: expected at least 1, found 0"),
      ("train={ csv: list.csv }", "data.train.csv: expected a section of keys, found 'list.csv'"),
      ("train={ csv: { file: a, box_columns: [l] } }", "data.train.csv.box_columns: expected four columns"),
      ("train={ scenes: { objects: 4, classes: 3 } }", "data.train.scenes.objects: 4 objects"),
      ("train={ scenes: { cuont: 3 } }", "data.train.scenes.cuont: unknown key; did you mean 'count'?"),
    ])
  func wrong(_ flag: String, _ message: String) throws {
    let problems = try Sample.problems(Sample.text, ["data.\(flag)"])
    #expect(problems.count == 1 && problems[0].contains(message), "\(problems)")
  }

  @Test("paths of a data set are inputs of the recipe, relative to its folder")
  func inputs() throws {
    let folder = ScratchFolder()
    let recipe = try Recipe.load(
      try folder.write("r.yaml", Sample.replacing("{ folder: data/train }", "{ csv: { file: l.csv, classes: c } }")))
    for name in ["l.csv", "c"] { #expect(recipe.inputs.contains(folder.file(name))) }
  }
}
