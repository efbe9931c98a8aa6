import { NodeServices } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as ErasureFile from "@user-service/cli/ErasureFile"
import { UserId } from "@user-service/domain/User"
import { DateTime, Effect } from "effect"
import { chmod, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { folder } from "./Program.ts"

const erasure = (n: number) => ({
  userId: UserId.make(`0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f0${n}`),
  erasedAt: DateTime.makeUnsafe(`2026-11-24T10:00:00.00${n}Z`)
})

const run = <A, E>(effect: Effect.Effect<A, E, NodeServices.NodeServices>) => Effect.provide(effect, NodeServices.layer)

const linesOf = (text: string) =>
  Effect.gen(function* () {
    const path = join(yield* folder, "erasures.txt")
    yield* Effect.promise(() => writeFile(path, text))
    const error = yield* Effect.flip(run(ErasureFile.read(path)))
    return error._tag === "ErasureFileDamaged" ? error.lines : error.message
  })

describe("the file of erasures", () => {
  it.effect("is read as it was written", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "erasures.txt")
      const erasures = [erasure(1), erasure(2)]
      yield* run(ErasureFile.write(path, erasures))
      assert.strictEqual(
        yield* Effect.promise(() => readFile(path, "utf8")),
        "0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f01 2026-11-24T10:00:00.001Z e2d30e69\n" +
          "0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f02 2026-11-24T10:00:00.002Z 3ba9b052\n"
      )
      assert.deepStrictEqual(yield* run(ErasureFile.read(path)), erasures)
    })
  )

  it.effect("is refused with the numbers of the lines in which a character is changed, missing or added", () =>
    Effect.gen(function* () {
      const good = ErasureFile.formatLine(erasure(1))
      const other = ErasureFile.formatLine(erasure(2))
      const damaged = [
        good.replace("7f01", "7f02"),
        good.replace(".001Z", ".002Z"),
        good.replace(/.\n/, "\n"),
        good.replace("\n", " more\n"),
        `${good.slice(0, 36)}\n`,
        "\n",
        "no erasure\n",
        good.toUpperCase()
      ]
      for (const line of damaged) assert.deepStrictEqual(yield* linesOf(good + line + other), [2], line)
      assert.deepStrictEqual(yield* linesOf(damaged.join(good)), [1, 3, 5, 7, 9, 11, 13, 15])
    })
  )

  it.effect("is refused if it was cut off, wherever", () =>
    Effect.gen(function* () {
      const text = ErasureFile.formatLine(erasure(1)) + ErasureFile.formatLine(erasure(2))
      for (let length = text.length / 2 + 1; length < text.length; length += 9) {
        assert.deepStrictEqual(yield* linesOf(text.slice(0, length)), [2], `${length}`)
      }
      assert.deepStrictEqual(yield* linesOf(text.slice(0, -1)), [2])
    })
  )

  it.effect("names at most ten damaged lines", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "erasures.txt")
      yield* Effect.promise(() => writeFile(path, "x\n".repeat(12)))
      const { message } = yield* Effect.flip(run(ErasureFile.read(path)))
      assert.include(message, "lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 and 2 more are damaged, and nothing was done")
    })
  )

  it.effect("is new for its owner only, keeps its mode and its link, and leaves no other file", () =>
    Effect.gen(function* () {
      const cwd = yield* folder
      const [path, link] = [join(cwd, "erasures.txt"), join(cwd, "link")]
      const modeOf = Effect.promise(async () => (await stat(path)).mode & 0o777)
      yield* run(ErasureFile.write(path, []))
      assert.strictEqual(yield* modeOf, 0o600)
      yield* Effect.promise(() => Promise.all([chmod(path, 0o640), symlink(path, link)]))
      yield* run(ErasureFile.write(link, [erasure(1)]))
      assert.strictEqual(yield* modeOf, 0o640)
      assert.deepStrictEqual(yield* run(ErasureFile.read(path)), [erasure(1)])
      assert.sameMembers(yield* Effect.promise(() => readdir(cwd)), ["erasures.txt", "link"])
    })
  )

  it.effect("is named where it cannot be read or written", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "none", "erasures.txt")
      for (const effect of [ErasureFile.read(path), ErasureFile.write(path, [])]) {
        const error = yield* Effect.flip(run(Effect.asVoid(effect)))
        assert.match(error.message, /^Cannot use .*none\/erasures\.txt: ENOENT/)
      }
    })
  )
})
