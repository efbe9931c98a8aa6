import type { PGlite } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import { chmod, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"

// What others than the owner may do.
const others = 0o077

/** The parts of Emscripten's file system that every new file and every change of a mode goes through. */
interface EmscriptenFs {
  mknod: (path: string, mode: number, dev: number) => unknown
  doChmod: (stream: unknown, node: unknown, mode: number, dontFollow?: boolean) => unknown
}

type Options = Awaited<ReturnType<NodeFS["init"]>>["emscriptenOpts"]

const keepPrivate = (fs: EmscriptenFs): void => {
  const { doChmod, mknod } = fs
  fs.mknod = (path, mode, dev) => mknod(path, mode & ~others, dev)
  fs.doChmod = (stream, node, mode, dontFollow) => doChmod(stream, node, mode & ~others, dontFollow)
}

/**
 * PGlite's folder in the file system, in which all it makes is for its owner only. Its own class leaves files with mode 0666,
 * whatever the umask of the process: they get their mode by chmod after they are made.
 */
export class PrivateFiles extends NodeFS {
  override async init(pg: PGlite, options: Options): ReturnType<NodeFS["init"]> {
    const { emscriptenOpts } = await super.init(pg, options)
    const preRun: NonNullable<Options["preRun"]> = [
      (module: { readonly FS: EmscriptenFs }) => keepPrivate(module.FS),
      ...(emscriptenOpts.preRun ?? [])
    ]
    return { emscriptenOpts: { ...emscriptenOpts, preRun } }
  }
}

/**
 * Takes what others may do from a folder and all that is in it, where an earlier release made it. The folder comes last, so that
 * one that is its owner's only needs no second look.
 */
export const makePrivate = async (folder: string): Promise<void> => {
  if (process.platform === "win32" || ((await stat(folder)).mode & others) === 0) return
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const isFolder = entry.isDirectory()
    if (isFolder || entry.isFile()) await chmod(join(entry.parentPath, entry.name), isFolder ? 0o700 : 0o600)
  }
  await chmod(folder, 0o700)
}
