import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { layerRabbitMq } from "../deliveries/TestBroker.ts"
import { suite } from "./CollectorSuite.ts"

const databaseUrl = inject("databaseUrl")
const rabbitmqUrl = inject("rabbitmqUrl")

describe.skipIf(databaseUrl === "" || rabbitmqUrl === "")("with PostgreSQL and RabbitMQ", () => {
  suite("dead letters", TestDatabase.layerPostgres(databaseUrl), layerRabbitMq(rabbitmqUrl), 10_000_000)
})
