import { assert, describe, it } from "@effect/vitest"
import { SessionSettings } from "@user-service/core/SessionSettings"
import { ConfigProvider, Duration, Effect } from "effect"

const read = (env: Record<string, string>) => SessionSettings.config.parse(ConfigProvider.fromUnknown(env))

describe("config", () => {
  it.effect("an empty environment: an hour, a week, ninety days and ten seconds", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* read({}), {
        accessLifetime: Duration.minutes(60),
        refreshLifetime: Duration.days(7),
        maxLifetime: Duration.days(90),
        refreshGrace: Duration.seconds(10),
        maxSessions: 50
      })
    })
  )

  it.effect("each is read in the unit of its name", () =>
    Effect.gen(function* () {
      const settings = yield* read({
        ACCESS_TOKEN_LIFETIME_MINUTES: "5",
        REFRESH_TOKEN_LIFETIME_DAYS: "2",
        SESSION_MAX_DAYS: "3",
        REFRESH_GRACE_SECONDS: "0"
      })
      assert.deepStrictEqual(settings, {
        accessLifetime: Duration.minutes(5),
        refreshLifetime: Duration.days(2),
        maxLifetime: Duration.days(3),
        refreshGrace: Duration.seconds(0),
        maxSessions: 50
      })
    })
  )

  for (const [variable, text] of [
    ["ACCESS_TOKEN_LIFETIME_MINUTES", "0"],
    ["REFRESH_TOKEN_LIFETIME_DAYS", "0"],
    ["SESSION_MAX_DAYS", "-1"],
    ["REFRESH_GRACE_SECONDS", "-1"],
    ["ACCESS_TOKEN_LIFETIME_MINUTES", "an hour"],
    ["SESSION_MAX_DAYS", "1.5"]
  ] as const) {
    it.effect(`${variable}=${text} is refused`, () =>
      Effect.gen(function* () {
        assert.isTrue(yield* Effect.isFailure(read({ [variable]: text })))
      })
    )
  }
})
