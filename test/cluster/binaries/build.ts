import { copyFile, mkdir, readdir, rename, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { aptGet, debianArchive, installPackages } from './debian.ts'
import { binaryNames } from './find.ts'
import { mendReflection } from './mend-reflection.ts'
import { run, type Say } from './run.ts'

/** The Go that this Kubernetes compiles with; newer ones refuse its vendored sources. */
const goFolder = '/usr/lib/go-1.19'

/**
 * Builds the control plane from Debian's source package, whose orig tarball has all it depends on.
 *
 * @param folder empty; everything happens in it, and it is the caller's to remove
 * @returns the folder that then holds the four binaries
 */
export async function buildBinaries(folder: string, say: Say): Promise<string> {
  const archive = await debianArchive()
  await installPackages(
    {
      'golang-1.19-go': join(goFolder, 'bin/go'),
      jq: 'jq',
      rsync: 'rsync',
      make: 'make',
      'xz-utils': 'xz',
    },
    say,
  )
  const output = join(folder, 'bin')
  await mkdir(output)

  say('etcd: from its package')
  await aptGet(['download', 'etcd-server'], { cwd: folder })
  // Unpacked, not installed: the package would start a service.
  await run('dpkg-deb', ['--extract', await only(folder, /^etcd-server_.*\.deb$/), 'etcd'], {
    cwd: folder,
  })
  await copyFile(join(folder, 'etcd/usr/bin/etcd'), join(output, 'etcd'))

  say('kubernetes: its source package')
  const sources = join(folder, 'sources')
  await mkdir(join(sources, 'lists/partial'), { recursive: true })
  await writeFile(join(sources, 'list'), `${archive}\n`)
  // The system's own lists stay as they are.
  const options = [
    ['Dir::Etc::sourcelist', join(sources, 'list')],
    ['Dir::Etc::sourceparts', '-'],
    ['Dir::State::lists', join(sources, 'lists')],
    ['APT::Sandbox::User', 'root'],
  ].flatMap(([key, value]) => ['-o', `${key}=${value}`])
  await aptGet([...options, 'update'], { cwd: sources })
  await aptGet([...options, 'source', '--download-only', 'kubernetes'], { cwd: sources })
  const tree = join(folder, 'tree')
  await mkdir(tree)
  const tarball = await only(sources, /\.orig\.tar\.\w+$/)
  await run('tar', ['--extract', '--strip-components=1', '--file', join(sources, tarball)], {
    cwd: tree,
  })
  await mendReflection(tree)

  const commands = binaryNames.filter((name) => name !== 'etcd')
  say(`${commands.join(', ')}: compiling, which takes about five minutes`)
  await compile(tree, commands, folder)
  for (const name of commands) await rename(join(tree, '_output/bin', name), join(output, name))
  return output
}

/** Kubernetes' own makefile, since it generates some of the sources first. */
async function compile(tree: string, commands: readonly string[], folder: string): Promise<void> {
  // The generators want the tree at its place in a GOPATH.
  await mkdir(join(tree, '.go/src/k8s.io'), { recursive: true })
  await symlink('../../..', join(tree, '.go/src/k8s.io/kubernetes'))
  await run('make', [`WHAT=${commands.map((name) => `cmd/${name}`).join(' ')}`], {
    cwd: tree,
    env: {
      PATH: `${join(goFolder, 'bin')}:${process.env['PATH']}`,
      HOME: folder,
      GOPATH: join(tree, '.go'),
      GOCACHE: join(folder, 'go-cache'),
      CGO_ENABLED: '0',
      KUBE_GIT_VERSION: 'v1.20.2',
      KUBE_GIT_TREE_STATE: 'archive',
      KUBE_GIT_COMMIT: 'debian',
      KUBE_GIT_MAJOR: '1',
      KUBE_GIT_MINOR: '20',
    },
  })
}

async function only(folder: string, pattern: RegExp): Promise<string> {
  const names = (await readdir(folder)).filter((name) => pattern.test(name))
  if (names.length !== 1)
    throw new Error(`expected one ${pattern} in ${folder}, found ${names.length}`)
  return names[0] as string
}
