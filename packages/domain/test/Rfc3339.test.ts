import { assert, describe, it } from "@effect/vitest"
import { Rfc3339 } from "@user-service/domain/Rfc3339"
import { DateTime, Effect, Schema } from "effect"
import { accepts } from "./accepts.ts"

describe("a time of RFC 3339", () => {
  it.effect.each([
    ["2026-11-24T10:02:00Z", "2026-11-24T10:02:00.000Z"],
    ["2026-11-24t10:02:00.1239z", "2026-11-24T10:02:00.123Z"],
    ["2026-11-24T10:02:00.123456789012+05:30", "2026-11-24T04:32:00.123Z"],
    ["2026-11-24T10:02:00-00:00", "2026-11-24T10:02:00.000Z"],
    ["2026-01-01T00:00:00-23:59", "2026-01-01T23:59:00.000Z"],
    ["2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"],
    ["2000-02-29T00:00:00Z", "2000-02-29T00:00:00.000Z"],
    ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"],
    ["9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"],
    ["0099-12-31T00:00:00Z", "0099-12-31T00:00:00.000Z"],
    // Leap seconds.
    ["2026-12-31T23:59:60Z", "2027-01-01T00:00:00.000Z"],
    ["2016-12-31T23:59:60.5Z", "2017-01-01T00:00:00.500Z"],
    ["1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00.000Z"],
    ["2017-01-01T05:29:60+05:30", "2017-01-01T00:00:00.000Z"],
    ["2016-12-31T20:29:60-03:30", "2017-01-01T00:00:00.000Z"]
  ] as const)("%s is %s", ([text, instant]) =>
    Effect.gen(function* () {
      assert.strictEqual(DateTime.formatIso(yield* Schema.decodeUnknownEffect(Rfc3339)(text)), instant)
    })
  )

  it.effect.each([
    "2026-11-31T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29T00:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-00-10T00:00:00Z",
    "2026-13-10T00:00:00Z",
    "2026-10-00T00:00:00Z",
    "2026-10-32T00:00:00Z",
    "2026-11-24T24:00:00Z",
    "2026-11-24T23:60:00Z",
    "2026-11-24T23:59:61Z",
    "2026-11-24T12:00:60Z",
    "2026-12-31T23:59:60+01:00",
    "2026-11-24T10:02:00+24:00",
    "2026-11-24T10:02:00+05:60",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+01:00",
    "9999-12-31T23:59:59-01:00",
    "2026-11-24T10:02:00",
    "2026-11-24T10:02Z",
    "2026-11-24 10:02:00Z",
    "2026-11-24T10:02:00.Z",
    "2026-11-24T10:02:00Z\n",
    " 2026-11-24T10:02:00Z",
    "+02026-11-24T10:02:00Z",
    "20261124T100200Z",
    "now",
    "1795514520",
    ""
  ])("%j is refused", (text) =>
    Effect.gen(function* () {
      assert.isFalse(yield* accepts(Rfc3339, text))
    })
  )

  it.effect.prop("every instant that is written as one is read as itself", [Schema.DateTimeUtc], ([time]) =>
    Effect.gen(function* () {
      const text = DateTime.formatIso(time)
      if (!/^(?!0000)\d{4}-/.test(text)) return
      assert.strictEqual(DateTime.formatIso(yield* Schema.decodeUnknownEffect(Rfc3339)(text)), text)
    })
  )
})
