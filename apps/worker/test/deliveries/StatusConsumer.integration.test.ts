import { describe } from "@effect/vitest"
import * as TestDatabase from "@user-service/database/testing/TestDatabase"
import { inject } from "vitest"
import { suite } from "./StatusConsumerSuite.ts"
import { layerRabbitMq } from "./TestBroker.ts"

const databaseUrl = inject("databaseUrl")
const rabbitmqUrl = inject("rabbitmqUrl")

describe.skipIf(databaseUrl === "" || rabbitmqUrl === "")("with PostgreSQL and RabbitMQ", () => {
  suite("the status consumer", TestDatabase.layerPostgres(databaseUrl), layerRabbitMq(rabbitmqUrl), 3)
})
