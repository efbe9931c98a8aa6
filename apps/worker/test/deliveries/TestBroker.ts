import { Broker } from "@user-service/broker/Broker"
import * as RabbitMq from "@user-service/broker/RabbitMq"
import * as TestRabbitMq from "@user-service/broker/testing/TestRabbitMq"
import { userService } from "@user-service/broker/Topology"
import { Effect, Layer, Redacted } from "effect"

/** The topology of the service in a new virtual host. */
export const layerRabbitMq = (rabbitmqUrl: string) =>
  Layer.unwrap(
    Effect.map(TestRabbitMq.freshVirtualHost(rabbitmqUrl), (url) =>
      Broker.layerRabbitMq({ topology: userService }).pipe(Layer.provide(RabbitMq.layer({ url: Redacted.make(url) })))
    )
  )
