import { assert, describe, it } from "@effect/vitest"
import { DomainEvent } from "@user-service/domain/DomainEvent"
import { Effect, Equal, Schema } from "effect"

const codec = Schema.toCodecJson(DomainEvent)

describe("DomainEvent", () => {
  // Rows of each kind may stand in an outbox or an archive: one that goes from here can be read no more.
  it("has exactly these events", () => {
    assert.sameMembers(
      DomainEvent.members.map((member) => member.identifier),
      [
        "UserRegistered",
        "UserUpdated",
        "UserDeleted",
        "UserPasswordChanged",
        "UserEmailChanged",
        "UserEmailVerified",
        "UserLoggedIn",
        "UserDisabled",
        "UserEnabled",
        "SessionRevoked",
        "AllSessionsRevoked",
        "PreferencesUpdated",
        "PushTokenAdded",
        "PushTokenRemoved"
      ]
    )
  })

  for (const member of DomainEvent.members) {
    it.effect.prop(`${member.identifier} is read back from the outbox as it was written`, [member], ([event]) =>
      Effect.gen(function* () {
        const row = JSON.stringify(yield* Schema.encodeEffect(codec)(event))
        const read = yield* Schema.decodeEffect(Schema.fromJsonString(codec))(row)
        assert.isTrue(Equal.equals(read, event), `${row} was read as another`)
        assert.isTrue(read instanceof member)
      })
    )
  }

  it.effect("decoding refuses a value that is not an event", () =>
    Effect.gen(function* () {
      const decode = Schema.decodeUnknownEffect(codec)
      assert.strictEqual((yield* Effect.flip(decode({ _tag: "UserVanished" })))._tag, "SchemaError")
      assert.strictEqual((yield* Effect.flip(decode({ _tag: "UserLoggedIn", userId: "7" })))._tag, "SchemaError")
    })
  )
})
