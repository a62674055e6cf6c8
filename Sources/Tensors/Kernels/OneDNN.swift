import COneDNN
import Synchronization

/// Float32 convolutions by oneDNN, on plain NHWC images and HWIO kernels.
///
/// Primitives are made once per geometry, open slot and thread count, and shared by all threads: scratch memory comes
/// from the caller, so that one primitive may run on several threads at a time.
enum OneDNN {
  static func convolve(_ form: ConvolutionForm, open: ConvolutionForm.Slot, _ a: Tensor, _ b: Tensor) -> Tensor {
    let key = Key(form: form, open: open, threads: Int(omp_get_max_threads()))
    let primitive = primitives.withLock { cache -> Primitive in
      if let known = cache[key] { return known }
      let made = Primitive(key)
      cache[key] = made
      return made
    }
    let x: UnsafeRawPointer = UnsafeRawPointer(a.storage.pointer)
    let y: UnsafeRawPointer = UnsafeRawPointer(b.storage.pointer)
    return Kernels.make(form.shape(of: open), Float.self) { out in
      withExtendedLifetime((a, b)) { primitive.run(x, y, UnsafeMutableRawPointer(out)) }
    }
  }

  private struct Key: Hashable {
    let form: ConvolutionForm
    let open: ConvolutionForm.Slot
    let threads: Int
  }

  private static let primitives = Mutex<[Key: Primitive]>([:])

  /// The processor, as oneDNN calls it, and a queue of work for it; both last as long as the program.
  fileprivate struct Device: @unchecked Sendable {
    let engine: dnnl_engine_t?
    let stream: dnnl_stream_t?
    init() {
      var engine: dnnl_engine_t?
      var stream: dnnl_stream_t?
      check(dnnl_engine_create(&engine, dnnl_cpu, 0))
      check(dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)))
      (self.engine, self.stream) = (engine, stream)
    }
  }

  fileprivate static let device = Device()

  /// A failure here is one of memory or of this file, never of anyone's data.
  fileprivate static func check(_ status: dnnl_status_t, _ line: UInt = #line) {
    precondition(status == dnnl_success, "oneDNN: status \(status.rawValue) at line \(line)")
  }

  /// One compiled convolution with the kernel's reordering into the layout that it wants.
  private final class Primitive: @unchecked Sendable {
    private let convolution: dnnl_primitive_t?
    private let reorder: dnnl_primitive_t?
    private let operands: [Argument]
    private let output: Argument
    private let plainKernel: dnnl_memory_desc_t
    private let scratchpad: dnnl_memory_desc_t

    private struct Argument {
      let index: Int32
      let descriptor: dnnl_memory_desc_t
      let isKernel: Bool
    }

    init(_ key: Key) {
      let (form, g) = (key.form, key.form.geometry)
      var image = Self.descriptor([form.image[0], form.image[3], form.image[1], form.image[2]], dnnl_nhwc)
      var response = Self.descriptor(
        [form.response[0], form.response[3], form.response[1], form.response[2]], dnnl_nhwc)
      let (kh, kw, inputs, outputs) = (form.kernel[0], form.kernel[1], form.kernel[2], form.kernel[3])
      let kernelSizes = g.groups == 1 ? [outputs, inputs, kh, kw] : [g.groups, outputs / g.groups, inputs, kh, kw]
      plainKernel = Self.kernelDescriptor(kernelSizes, outputs: outputs)
      var kernel = Self.descriptor(kernelSizes, dnnl_format_tag_any)

      let strides = [dnnl_dim_t(g.stride.height), dnnl_dim_t(g.stride.width)]
      let dilations = [dnnl_dim_t(g.dilation.height - 1), dnnl_dim_t(g.dilation.width - 1)]
      let padding = [dnnl_dim_t(g.padding.height), dnnl_dim_t(g.padding.width)]
      // What the last window leaves over on the far side makes that side's padding, which may be negative.
      let far = [
        (form.response[1] - 1) * g.stride.height + (kh - 1) * g.dilation.height + 1 - form.image[1] - g.padding.height,
        (form.response[2] - 1) * g.stride.width + (kw - 1) * g.dilation.width + 1 - form.image[2] - g.padding.width,
      ].map(dnnl_dim_t.init)

      var attributes: dnnl_primitive_attr_t?
      check(dnnl_primitive_attr_create(&attributes))
      defer { dnnl_primitive_attr_destroy(attributes) }
      check(dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user))

      var operation = dnnl_convolution_desc_t()
      var made: dnnl_primitive_desc_t?
      // Backward primitives ask for the forward one as a hint.
      check(
        dnnl_dilated_convolution_forward_desc_init(
          &operation, key.open == .response ? dnnl_forward_inference : dnnl_forward_training, dnnl_convolution_direct,
          &image,
          &kernel, nil, &response, strides, dilations, padding, far))
      check(dnnl_primitive_desc_create(&made, &operation, attributes, OneDNN.device.engine, nil))
      if key.open != .response {
        let hint = made
        defer { dnnl_primitive_desc_destroy(hint) }
        if key.open == .image {
          check(
            dnnl_dilated_convolution_backward_data_desc_init(
              &operation, dnnl_convolution_direct, &image, &kernel, &response, strides, dilations, padding, far))
        } else {
          check(
            dnnl_dilated_convolution_backward_weights_desc_init(
              &operation, dnnl_convolution_direct, &image, &kernel, nil, &response, strides, dilations, padding, far))
        }
        check(dnnl_primitive_desc_create(&made, &operation, attributes, OneDNN.device.engine, hint))
      }
      let description = made
      defer { dnnl_primitive_desc_destroy(description) }
      var primitive: dnnl_primitive_t?
      check(dnnl_primitive_create(&primitive, description))
      convolution = primitive

      func query(_ what: dnnl_query_t) -> dnnl_memory_desc_t {
        dnnl_primitive_desc_query_md(description, what, 0)?.pointee ?? dnnl_memory_desc_t()
      }
      scratchpad = query(dnnl_query_scratchpad_md)
      let wantedKernel: dnnl_memory_desc_t
      switch key.open {
      case .response:
        wantedKernel = query(dnnl_query_weights_md)
        operands = [
          Argument(index: DNNL_ARG_SRC, descriptor: image, isKernel: false),
          Argument(index: DNNL_ARG_WEIGHTS, descriptor: wantedKernel, isKernel: true),
        ]
        output = Argument(index: DNNL_ARG_DST, descriptor: response, isKernel: false)
      case .image:
        wantedKernel = query(dnnl_query_weights_md)
        operands = [
          Argument(index: DNNL_ARG_WEIGHTS, descriptor: wantedKernel, isKernel: true),
          Argument(index: DNNL_ARG_DIFF_DST, descriptor: response, isKernel: false),
        ]
        output = Argument(index: DNNL_ARG_DIFF_SRC, descriptor: image, isKernel: false)
      case .kernel:
        wantedKernel = query(dnnl_query_diff_weights_md)
        operands = [
          Argument(index: DNNL_ARG_SRC, descriptor: image, isKernel: false),
          Argument(index: DNNL_ARG_DIFF_DST, descriptor: response, isKernel: false),
        ]
        output = Argument(index: DNNL_ARG_DIFF_WEIGHTS, descriptor: wantedKernel, isKernel: true)
      }
      var (plain, wanted) = (plainKernel, wantedKernel)
      if dnnl_memory_desc_equal(&plain, &wanted) == 1 {
        reorder = nil
      } else {
        var reordering: dnnl_primitive_desc_t?
        let (from, to) = key.open == .kernel ? (wanted, plain) : (plain, wanted)
        var (source, target) = (from, to)
        check(
          dnnl_reorder_primitive_desc_create(
            &reordering, &source, OneDNN.device.engine, &target, OneDNN.device.engine, attributes))
        defer { dnnl_primitive_desc_destroy(reordering) }
        var primitive: dnnl_primitive_t?
        check(dnnl_primitive_create(&primitive, reordering))
        reorder = primitive
      }
    }

    func run(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ out: UnsafeMutableRawPointer) {
      var arguments: [dnnl_exec_arg_t] = []
      var memories: [dnnl_memory_t?] = []
      var buffers: [Storage] = []
      defer {
        for memory in memories { dnnl_memory_destroy(memory) }
        withExtendedLifetime(buffers) {}
      }
      func memory(_ descriptor: dnnl_memory_desc_t, _ pointer: UnsafeMutableRawPointer) -> dnnl_memory_t? {
        var (descriptor, made) = (descriptor, dnnl_memory_t?.none)
        check(dnnl_memory_create(&made, &descriptor, OneDNN.device.engine, pointer))
        memories.append(made)
        return made
      }
      func buffer(_ descriptor: dnnl_memory_desc_t) -> UnsafeMutableRawPointer {
        var descriptor = descriptor
        let storage = Storage(bytes: dnnl_memory_desc_get_size(&descriptor))
        buffers.append(storage)
        return storage.pointer
      }
      func move(_ from: dnnl_memory_t?, to: dnnl_memory_t?) {
        let pair = [dnnl_exec_arg_t(arg: DNNL_ARG_FROM, memory: from), dnnl_exec_arg_t(arg: DNNL_ARG_TO, memory: to)]
        check(dnnl_primitive_execute(reorder, OneDNN.device.stream, 2, pair))
      }
      for (argument, pointer) in zip(operands, [a, b]) {
        let pointer = UnsafeMutableRawPointer(mutating: pointer)
        var operand: dnnl_memory_t?
        if argument.isKernel, reorder != nil {
          operand = memory(argument.descriptor, buffer(argument.descriptor))
          move(memory(plainKernel, pointer), to: operand)
        } else {
          operand = memory(argument.descriptor, pointer)
        }
        arguments.append(dnnl_exec_arg_t(arg: argument.index, memory: operand))
      }
      let reordersOutput = output.isKernel && reorder != nil
      let result = memory(output.descriptor, reordersOutput ? buffer(output.descriptor) : out)
      arguments.append(dnnl_exec_arg_t(arg: output.index, memory: result))
      arguments.append(dnnl_exec_arg_t(arg: DNNL_ARG_SCRATCHPAD, memory: memory(scratchpad, buffer(scratchpad))))
      check(dnnl_primitive_execute(convolution, OneDNN.device.stream, Int32(arguments.count), arguments))
      if reordersOutput { move(result, to: memory(plainKernel, out)) }
    }

    private static func descriptor(_ sizes: [Int], _ tag: dnnl_format_tag_t) -> dnnl_memory_desc_t {
      var descriptor = dnnl_memory_desc_t()
      check(dnnl_memory_desc_init_by_tag(&descriptor, Int32(sizes.count), sizes.map(dnnl_dim_t.init), dnnl_f32, tag))
      return descriptor
    }

    /// Our HWIO: the last axis runs over the outputs of all groups, group by group.
    private static func kernelDescriptor(_ sizes: [Int], outputs: Int) -> dnnl_memory_desc_t {
      let n = sizes.count
      let (inputs, width) = (sizes[n - 3], sizes[n - 1])
      var strides = [1, outputs, width * inputs * outputs, inputs * outputs]
      if n == 5 { strides.insert(sizes[1], at: 0) }
      var descriptor = dnnl_memory_desc_t()
      check(
        dnnl_memory_desc_init_by_strides(
          &descriptor, Int32(n), sizes.map(dnnl_dim_t.init), dnnl_f32, strides.map(dnnl_dim_t.init)))
      return descriptor
    }
  }
}
