import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * What this Kubernetes has vendored is older than the Go that compiles it, and knows its insides as they
 * were before. It compiles, and goes wrong:
 *
 * - reflect2 1.0.1 calls an inner function of `reflect` that got another signature in Go 1.18, and the
 *   API server dies of it at the first object of a CustomResourceDefinition. These are the lines that
 *   reflect2 1.0.2 changed.
 * - kube-openapi takes for null what looks like the zero of `reflect`, which an empty text has come to do:
 *   no field of such an object could be "". Later ones compare with nil alone.
 */
const changes = [
  {
    file: 'github.com/modern-go/reflect2/unsafe_link.go',
    before: 'func mapiterinit(rtype unsafe.Pointer, m unsafe.Pointer) *hiter',
    after: 'func mapiterinit(rtype unsafe.Pointer, m unsafe.Pointer, it *hiter)',
  },
  {
    file: 'github.com/modern-go/reflect2/unsafe_link.go',
    before: '\t// rest fields are ignored\n',
    after: `
	t           unsafe.Pointer
	h           unsafe.Pointer
	buckets     unsafe.Pointer
	bptr        unsafe.Pointer
	overflow    *[]unsafe.Pointer
	oldoverflow *[]unsafe.Pointer
	startBucket uintptr
	offset      uint8
	wrapped     bool
	B           uint8
	i           uint8
	bucket      uintptr
	checkBucket uintptr
`,
  },
  {
    file: 'github.com/modern-go/reflect2/unsafe_map.go',
    before: `	return &UnsafeMapIterator{
		hiter:      mapiterinit(type2.rtype, *(*unsafe.Pointer)(obj)),`,
    after: `	var it hiter
	mapiterinit(type2.rtype, *(*unsafe.Pointer)(obj), &it)
	return &UnsafeMapIterator{
		hiter:      &it,`,
  },
  {
    file: 'k8s.io/kube-openapi/pkg/validation/validate/type.go',
    before:
      'if data == nil || reflect.DeepEqual(reflect.Zero(reflect.TypeOf(data)), reflect.ValueOf(data)) {',
    after: 'if data == nil {',
  },
]

/** @param tree of Kubernetes' sources */
export async function mendReflection(tree: string): Promise<void> {
  for (const { file, before, after } of changes) {
    const path = join(tree, 'vendor', file)
    const text = await readFile(path, 'utf8')
    if (!text.includes(before)) throw new Error(`${path} is not as expected: ${before}`)
    await writeFile(path, text.replace(before, after))
  }
}
