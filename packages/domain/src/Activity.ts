import { Schema } from "effect"
import { DeliveryStatus } from "./Delivery.ts"

/** What the processes count as it happens: registrations, refused logins, and deliveries that reached a status. */
export const CountedMeasure = Schema.Literals([
  "registrations",
  "refused_logins",
  ...DeliveryStatus.literals.map((status) => `deliveries_${status}` as const)
])
export type CountedMeasure = typeof CountedMeasure.Type

/** What the workers read from time to time. */
export const SampledMeasure = Schema.Literals([
  "outbox_lag_seconds",
  "events_waiting",
  "mails_waiting",
  "dead_letters_waiting"
])
export type SampledMeasure = typeof SampledMeasure.Type

export const ActivityMeasure = Schema.Literals([...CountedMeasure.literals, ...SampledMeasure.literals])
export type ActivityMeasure = typeof ActivityMeasure.Type

/** The time up to now that a plot shows. */
export const ActivityRange = Schema.Literals(["hour", "day", "week"])
export type ActivityRange = typeof ActivityRange.Type
