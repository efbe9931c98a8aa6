import { assert, describe, it } from "@effect/vitest"
import { isPermanent, mayBePermanent } from "@user-service/domain/DeviceFailures"
import { TokenType } from "@user-service/domain/PushToken"

const kinds = TokenType.literals

describe("a failure that says a device is gone", () => {
  it.each([
    "UNREGISTERED",
    "SENDER_ID_MISMATCH",
    "Unregistered",
    "BadDeviceToken",
    "DeviceNotRegistered",
    "devicenotregistered",
    "sender_id_mismatch",
    " baddevicetoken "
  ])("%j marks a token of any type as gone, in any letter case", (code) => {
    for (const kind of kinds) assert.isTrue(isPermanent(code, kind))
    assert.isTrue(mayBePermanent(code))
  })

  it.each([
    ["410", ["apns", "vapid"]],
    ["404", ["vapid"]]
  ] as const)("%s marks only tokens of its own types as gone: %j", (code, own) => {
    for (const kind of kinds) assert.strictEqual(isPermanent(code, kind), (own as ReadonlyArray<string>).includes(kind))
    assert.isTrue(mayBePermanent(code))
  })

  it.each(["", "UNAVAILABLE", "INTERNAL", "429", "500", "400", "4040", "UNREGISTERED!", "PayloadTooLarge"])(
    "%j does not mark a token as gone",
    (code) => {
      for (const kind of kinds) assert.isFalse(isPermanent(code, kind))
      assert.isFalse(mayBePermanent(code))
    }
  )
})
