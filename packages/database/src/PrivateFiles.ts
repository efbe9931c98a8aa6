// The files of the embedded database (decision 0002), readable only by their owner (decision 0026).
import type { PGlite } from "@electric-sql/pglite"
import { NodeFS } from "@electric-sql/pglite/nodefs"
import { chmod, readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"

// The permissions of group and others.
const othersMask = 0o077

/** The functions of Emscripten's file system that create files and change modes. */
interface EmscriptenFs {
  mknod: (path: string, mode: number, dev: number) => unknown
  doChmod: (stream: unknown, node: unknown, mode: number, dontFollow?: boolean) => unknown
}

type Options = Awaited<ReturnType<NodeFS["init"]>>["emscriptenOpts"]

const keepPrivate = (fs: EmscriptenFs): void => {
  const { doChmod, mknod } = fs
  fs.mknod = (path, mode, dev) => mknod(path, mode & ~othersMask, dev)
  fs.doChmod = (stream, node, mode, dontFollow) => doChmod(stream, node, mode & ~othersMask, dontFollow)
}

/**
 * PGlite's file system, with files that only their owner can access. `NodeFS` creates files with mode 0666 whatever the umask,
 * because it sets the mode by chmod afterwards.
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
 * Removes the permissions of group and others from a folder of an earlier release and its content. Changes the folder itself last:
 * a folder that is private needs no further check.
 */
export const makePrivate = async (folder: string): Promise<void> => {
  if (process.platform === "win32" || ((await stat(folder)).mode & othersMask) === 0) return
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const isFolder = entry.isDirectory()
    if (isFolder || entry.isFile()) await chmod(join(entry.parentPath, entry.name), isFolder ? 0o700 : 0o600)
  }
  await chmod(folder, 0o700)
}
