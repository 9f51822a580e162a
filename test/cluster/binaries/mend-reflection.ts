import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * The vendored reflect2 1.0.1 calls an inner function of Go's `reflect` that got another signature in
 * Go 1.18. It compiles, and the API server dies of it at the first object of a CustomResourceDefinition.
 * These are the lines that reflect2 1.0.2 changed.
 */
const changes = [
  {
    file: 'unsafe_link.go',
    before: 'func mapiterinit(rtype unsafe.Pointer, m unsafe.Pointer) *hiter',
    after: 'func mapiterinit(rtype unsafe.Pointer, m unsafe.Pointer, it *hiter)',
  },
  {
    file: 'unsafe_link.go',
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
    file: 'unsafe_map.go',
    before: `	return &UnsafeMapIterator{
		hiter:      mapiterinit(type2.rtype, *(*unsafe.Pointer)(obj)),`,
    after: `	var it hiter
	mapiterinit(type2.rtype, *(*unsafe.Pointer)(obj), &it)
	return &UnsafeMapIterator{
		hiter:      &it,`,
  },
]

/** @param tree of Kubernetes' sources */
export async function mendReflection(tree: string): Promise<void> {
  for (const { file, before, after } of changes) {
    const path = join(tree, 'vendor/github.com/modern-go/reflect2', file)
    const text = await readFile(path, 'utf8')
    if (!text.includes(before)) throw new Error(`${path} is not as expected: ${before}`)
    await writeFile(path, text.replace(before, after))
  }
}
