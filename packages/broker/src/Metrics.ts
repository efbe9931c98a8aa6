import { Metric } from "effect"
import type { Outcome } from "./Message.ts"

const counter = (name: string, description: string) => Metric.counter(name, { description, incremental: true })

const publications = counter("broker_published_total", "Messages published, by what became of them")
const deliveries = counter("broker_consumed_total", "Messages handed to a consumer, by queue")

export const publishedCounter = (outcome: Outcome) => Metric.withAttributes(publications, { outcome })
export const consumedCounter = (queue: string) => Metric.withAttributes(deliveries, { queue })
export const reconnections = counter("broker_reconnections_total", "Connections that took the place of a lost one")
