import { assert, describe, it } from "@effect/vitest"
import type { Channel } from "@user-service/domain/Delivery"
import { UserId } from "@user-service/domain/User"
import { Keys } from "@user-service/security/Keys"
import { type UnsubscribeCategory, UnsubscribeTokens } from "@user-service/security/UnsubscribeTokens"
import { DateTime, Effect, Layer, Option } from "effect"
import { randomUUID } from "node:crypto"

const userId = UserId.make("0193a5c2-7b1a-7b62-a1f9-3d8e5c0b7f42")
const now = DateTime.makeUnsafe("2026-11-30T12:00:00Z")
const email = "ada@example.com"
const layer = UnsubscribeTokens.layer.pipe(Layer.provide(Keys.layerMemory))

const manageToken = UnsubscribeTokens.use(({ signer }) =>
  Effect.succeed(signer(now).manage({ userId, email, expiresAt: DateTime.add(now, { days: 30 }) }))
)
const unsubscribeToken = UnsubscribeTokens.use(({ signer }) =>
  Effect.succeed(signer(now).unsubscribe({ userId, channel: "email", category: "marketing" }))
)

describe("UnsubscribeTokens", () => {
  it.layer(layer)((it) => {
    for (const channel of ["email", "push"] satisfies ReadonlyArray<Channel>) {
      for (const category of ["marketing", "transactional", "system"] satisfies ReadonlyArray<UnsubscribeCategory>) {
        it.effect(`a link names user, channel and category: ${channel}, ${category}`, () =>
          Effect.gen(function* () {
            const { signer, verify } = yield* UnsubscribeTokens
            const link = { userId: UserId.make(randomUUID()), channel, category }
            const token = signer(now).unsubscribe(link)
            assert.match(token, /^[A-Za-z0-9_-]{50}$/)
            assert.deepStrictEqual(verify(token), Option.some({ kind: "unsubscribe" as const, ...link }))
          })
        )
      }
    }

    it.effect("the numbers of channel and category in tokens never change, because links do not expire", () =>
      Effect.gen(function* () {
        const { signer } = yield* UnsubscribeTokens
        const numbers = (["email", "push"] satisfies ReadonlyArray<Channel>).map((channel) =>
          (["marketing", "transactional", "system"] satisfies ReadonlyArray<UnsubscribeCategory>).map((category) =>
            Buffer.from(signer(now).unsubscribe({ userId, channel, category }), "base64url").readUInt8(4)
          )
        )
        assert.deepStrictEqual(numbers, [
          [1, 2, 4],
          [5, 6, 8]
        ])
      })
    )

    it.effect("a link to all preferences is for one address, in any spelling, until it expires", () =>
      Effect.gen(function* () {
        const token = yield* manageToken
        assert.match(token, /^[A-Za-z0-9_-]{66}$/)
        const link = Option.getOrThrow((yield* UnsubscribeTokens).verify(token))
        if (link.kind !== "manage") return assert.fail(link.kind)
        assert.strictEqual(link.userId, userId)
        assert.strictEqual(DateTime.formatIso(link.expiresAt), "2026-12-30T12:00:00.000Z")
        assert.isTrue(link.isFor(email))
        assert.isFalse(link.isFor("other@example.com"))
        const other = (yield* UnsubscribeTokens).signer(now).manage({ ...link, email: "ada@bücher.example" })
        const spelled = Option.getOrThrow((yield* UnsubscribeTokens).verify(other))
        assert.isTrue(spelled.kind === "manage" && spelled.isFor("ada@xn--bcher-kva.example"))
      })
    )

    it.effect("the same link always has the same token, so a mail that is sent again is the same", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* unsubscribeToken, yield* unsubscribeToken)
      })
    )

    it.effect("a token shows neither the user's id nor the address", () =>
      Effect.gen(function* () {
        const id = Buffer.from(userId.replaceAll("-", ""), "hex")
        for (const token of [yield* unsubscribeToken, yield* manageToken]) {
          const bytes = Buffer.from(token, "base64url")
          assert.strictEqual(bytes.indexOf(id), -1)
          // The first six bytes are the time of the registration.
          assert.strictEqual(bytes.indexOf(id.subarray(0, 6)), -1)
          assert.notInclude(bytes.toString("latin1"), "ada")
        }
      })
    )

    it.effect("a token that differs in any bit, is cut, or has something added is refused", () =>
      Effect.gen(function* () {
        const { verify } = yield* UnsubscribeTokens
        for (const token of [yield* unsubscribeToken, yield* manageToken]) {
          const bytes = Buffer.from(token, "base64url")
          for (let bit = 0; bit < bytes.length * 8; bit++) {
            const forged = Buffer.from(bytes)
            forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7))
            assert.isTrue(Option.isNone(verify(forged.toString("base64url"))), `bit ${bit}`)
          }
          for (let length = 0; length < token.length; length++)
            assert.isTrue(Option.isNone(verify(token.slice(0, length))))
          for (const text of [`${token}A`, `${token}=`, ` ${token}`, `${token}.`, token.toLowerCase()]) {
            assert.isTrue(Option.isNone(verify(text)), text)
          }
        }
      })
    )

    it.effect("a token has a single text: unused bits of its last character are refused", () =>
      Effect.gen(function* () {
        const { verify } = yield* UnsubscribeTokens
        const token = yield* unsubscribeToken
        const spellings = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"]
          .map((last) => token.slice(0, -1) + last)
          .filter((text) => Buffer.from(text, "base64url").equals(Buffer.from(token, "base64url")))
        assert.isAbove(spellings.length, 1)
        assert.deepStrictEqual(
          spellings.filter((text) => Option.isSome(verify(text))),
          [token]
        )
      })
    )
  })

  it.effect("keys of another installation refuse a token", () =>
    Effect.gen(function* () {
      const token = yield* Effect.provide(unsubscribeToken, Layer.fresh(layer))
      const verified = UnsubscribeTokens.use(({ verify }) => Effect.succeed(verify(token)))
      assert.isTrue(Option.isNone(yield* Effect.provide(verified, Layer.fresh(layer))))
    })
  )
})
