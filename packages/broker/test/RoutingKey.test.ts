import { assert, describe, it } from "@effect/vitest"
import * as RoutingKey from "@user-service/broker/RoutingKey"

const cases: ReadonlyArray<readonly [pattern: string, matching: ReadonlyArray<string>, others: ReadonlyArray<string>]> =
  [
    [
      "notification.status.#",
      ["notification.status", "notification.status.sent", "notification.status.a.b"],
      ["notification", "notification.statuses", "a.notification.status"]
    ],
    ["user.*", ["user.registered", "user."], ["user", "user.a.b", "users.a"]],
    ["*.*", ["a.b"], ["a", "a.b.c", ""]],
    ["#", ["", "a", "a.b.c"], []],
    ["#.b.#", ["b", "a.b", "b.c", "a.b.c.d"], ["a", "a.c", "bb"]],
    ["*.#.c", ["a.c", "a.b.c", "a.b.b.c"], ["c", "a.b"]],
    ["", [""], ["a"]],
    ["a.b", ["a.b"], ["a", "a.b.c", "a.*"]]
  ]

describe("RoutingKey", () => {
  for (const [pattern, matching, others] of cases) {
    it(`"${pattern}" takes what it stands for, and nothing else`, () => {
      for (const key of matching) assert.isTrue(RoutingKey.matches(pattern, key), key)
      for (const key of others) assert.isFalse(RoutingKey.matches(pattern, key), key)
    })
  }
})
