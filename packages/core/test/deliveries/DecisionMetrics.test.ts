import { assert, describe, it } from "@effect/vitest"
import * as DecisionMetrics from "@user-service/core/deliveries/DecisionMetrics"
import { Effect, Layer, Metric } from "effect"

const counts = Effect.map(Metric.snapshot, (metrics) =>
  metrics.flatMap(({ attributes = {}, id, ...metric }) =>
    id === "delivery_decisions_total" && metric.type === "Counter"
      ? [`${attributes["channel"]} ${attributes["decision"]} ${attributes["rule"]} ${metric.state.count}`]
      : []
  )
)

describe("the decisions on deliveries", () => {
  it.effect("are counted by channel, decision and rule", () =>
    Effect.gen(function* () {
      const allowed = { channel: "email", decision: "allow", rule: null } as const
      const suppressed = { channel: "email", decision: "deny", rule: "suppressed" } as const
      const deferred = { channel: "push", decision: "defer", rule: "do_not_disturb" } as const
      yield* DecisionMetrics.count([allowed, suppressed, allowed, deferred])
      yield* DecisionMetrics.count([allowed])
      assert.sameMembers(yield* counts, [
        "email allow none 3",
        "email deny suppressed 1",
        "push defer do_not_disturb 1"
      ])
    }).pipe(Effect.provide(Layer.sync(Metric.MetricRegistry, () => new Map())))
  )
})
