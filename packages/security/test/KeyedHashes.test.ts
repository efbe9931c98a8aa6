import { assert, describe, it } from "@effect/vitest"
import { KeyedHashes } from "@user-service/security/KeyedHashes"
import { Keys } from "@user-service/security/Keys"
import { Effect, Layer } from "effect"
import { hash } from "node:crypto"

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex")

const hashesOf = (keys: Layer.Layer<Keys>) =>
  Effect.map(KeyedHashes, (hashes) => ({
    same: [hex(hashes.hash("email", "a@example.com")), hex(hashes.hash("email", "a@example.com"))],
    otherText: hex(hashes.hash("email", "b@example.com")),
    otherPurpose: hex(hashes.hash("address", "a@example.com"))
  })).pipe(Effect.provide(KeyedHashes.layer.pipe(Layer.provide(keys)), { local: true }))

describe("keyed hashes", () => {
  it.effect("are equal only for equal texts of one purpose, and differ from the plain hash", () =>
    Effect.gen(function* () {
      const { otherPurpose, otherText, same } = yield* hashesOf(Keys.layerMemory)
      assert.strictEqual(same[0], same[1])
      assert.notStrictEqual(otherText, same[0])
      assert.notStrictEqual(otherPurpose, same[0])
      assert.notStrictEqual(hash("sha256", "a@example.com", "hex"), same[0])
    })
  )

  it.effect("differ between installations", () =>
    Effect.gen(function* () {
      const here = yield* hashesOf(Keys.layerMemory)
      const there = yield* hashesOf(Layer.fresh(Keys.layerMemory))
      assert.notStrictEqual(here.same[0], there.same[0])
    })
  )
})
