#!/usr/bin/env node
import { nodeComplaint } from './node-version.ts'

// The bundle is imported only after the check: an old Node could not even parse it. For the same
// reason this file is built on its own, in old syntax, without a top-level await.
const complaint = nodeComplaint(process.version)
if (complaint === undefined) {
  void import('./main.ts').then(async ({ main }) => {
    process.exitCode = await main(process.argv)
  })
} else {
  process.stderr.write(complaint)
  process.exitCode = 1
}
