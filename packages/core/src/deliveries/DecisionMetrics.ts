import type { Channel } from "@user-service/domain/Delivery"
import type { Decision } from "@user-service/domain/deliveries/DeliveryRules"
import { Effect, Metric } from "effect"

interface Decided {
  readonly channel: Channel
  readonly decision: Decision["decision"]
  readonly rule: Decision["rule"]
}

const total = Metric.counter("delivery_decisions_total", {
  description: "Decisions on deliveries, by channel, decision and the rule that decided",
  incremental: true
})

/** Counts the decisions of a call, in one update for those that are equal. */
export const count = (decided: ReadonlyArray<Decided>): Effect.Effect<void> =>
  Effect.forEach(
    Map.groupBy(decided, ({ channel, decision, rule }) => `${channel} ${decision} ${rule ?? "none"}`).values(),
    (group) => {
      const [first] = group
      if (first === undefined) return Effect.void
      const { channel, decision, rule } = first
      return Metric.update(Metric.withAttributes(total, { channel, decision, rule: rule ?? "none" }), group.length)
    },
    { discard: true }
  )
