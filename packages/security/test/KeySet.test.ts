import { assert, describe, it } from "@effect/vitest"
import * as KeySet from "@user-service/security/KeySet"
import { Result } from "effect"
import { calculateJwkThumbprint } from "jose"

const lifetime = { accessLifetimeSeconds: 3600 }
const first = KeySet.generate(1000)
const next = KeySet.makeKeyPair()
const rotated = KeySet.rotate(first, next, { now: 5000, ...lifetime })
const kids = (keys: ReadonlyArray<{ readonly kid: string }>) => keys.map((key) => key.kid)

describe("generate", () => {
  it("the first key signs at once", () => {
    assert.strictEqual(KeySet.signingKey(first.access, 1000).kid, first.access[0].kid)
  })

  it("a kid is the RFC 7638 thumbprint of its key", async () => {
    const { jwk, kid } = first.access[0]
    assert.strictEqual(kid, await calculateJwkThumbprint({ kty: jwk.kty, crv: jwk.crv, x: jwk.x }))
  })

  it("no two sets share a secret", () => {
    const other = KeySet.generate(1000)
    const secrets = [first, other].flatMap(({ access, refresh }) => [access[0].jwk.d, refresh.jwk.d, refresh.idSecret])
    assert.strictEqual(new Set(secrets).size, 6)
  })
})

describe("rotate", () => {
  it("the next key is published at once and signs 300 s later", () => {
    assert.deepStrictEqual(kids(KeySet.publishedKeys(rotated.access, 5000)), [first.access[0].kid, next.kid])
    assert.strictEqual(KeySet.signingKey(rotated.access, 5299).kid, first.access[0].kid)
    assert.strictEqual(KeySet.signingKey(rotated.access, 5300).kid, next.kid)
  })

  it("the old key stays until its last token has ended, a minute for clocks included", () => {
    const lastTokenEnds = 5299 + 3600
    assert.lengthOf(KeySet.publishedKeys(rotated.access, lastTokenEnds + 60), 2)
    assert.deepStrictEqual(kids(KeySet.publishedKeys(rotated.access, lastTokenEnds + 61)), [next.kid])
  })

  it("a second rotation before the first has taken effect loses no key", () => {
    const third = KeySet.makeKeyPair()
    const twice = KeySet.rotate(rotated, third, { now: 5010, ...lifetime })
    assert.deepStrictEqual(kids(twice.access), [first.access[0].kid, next.kid, third.kid])
    assert.strictEqual(twice.access[0].notAfter, rotated.access[0].notAfter)
    assert.deepStrictEqual(
      [5299, 5309, 5310].map((now) => KeySet.signingKey(twice.access, now).kid),
      kids(twice.access)
    )
  })

  it("keys whose time is over are dropped", () => {
    const third = KeySet.makeKeyPair()
    const later = KeySet.rotate(rotated, third, { now: 50_000, ...lifetime })
    assert.deepStrictEqual(kids(later.access), [next.kid, third.kid])
  })

  it("the refresh key and the secret for ids stay, or every session would end", () => {
    assert.deepStrictEqual(rotated.refresh, first.refresh)
  })
})

describe("parse", () => {
  const problem = (text: string) => Result.getOrElse(Result.flip(KeySet.parse(text)), () => undefined)
  const text = KeySet.format(rotated)
  const edited = (from: string, to: string) => {
    assert.include(text, from)
    return text.replace(from, to)
  }
  const { jwk, kid } = rotated.access[0]

  it("what was formatted is read back", () => {
    assert.deepStrictEqual(KeySet.parse(KeySet.format(rotated)), Result.succeed(rotated))
  })

  it.each(["", "{", "null", "{}", '{"access":[],"refresh":{}}'])("%j is no key set", (text) => {
    assert.strictEqual(problem(text), "is not a key set")
  })

  it("a file without access keys is no key set", () => {
    assert.isDefined(problem(JSON.stringify({ ...JSON.parse(text), access: [] })))
  })

  it("a kid that is not its key's is refused", () => {
    assert.match(problem(edited(kid, next.kid)) ?? "", /does not fit together/)
  })

  it("a private key with another's public half is refused", () => {
    assert.match(problem(edited(jwk.d, next.jwk.d)) ?? "", /does not fit together/)
  })

  it("a problem never shows a key", () => {
    for (const text of [edited('"not_before": 1000', '"not_before": "soon"'), edited(rotated.refresh.kid, next.kid)]) {
      const message = problem(text) ?? ""
      assert.isNotEmpty(message)
      for (const secret of [first.access[0].jwk.d, first.refresh.jwk.d, first.refresh.idSecret]) {
        assert.notInclude(message, secret)
      }
    }
  })
})
