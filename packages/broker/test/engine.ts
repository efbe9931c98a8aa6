import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import type { RabbitMqBrokerSettings } from "@user-service/broker/RabbitMqBroker"
import { Layer, Redacted } from "effect"
import { inject } from "vitest"

/** Where the tests' RabbitMQ is; empty where there is none. */
export const rabbitmqUrl = inject("rabbitmqUrl")

/** All of this package over connections of its own: what one process has. */
export const oneProcess = (url: string, settings: RabbitMqBrokerSettings) =>
  Layer.fresh(Broker.layerRabbitMq(settings).pipe(Layer.provideMerge(RabbitMq.layer({ url: Redacted.make(url) }))))
