import { describe, inject } from "vitest"
import { layerReal } from "../TestApi.ts"
import { environment, suite } from "./FailedLoginsSuite.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(databaseUrl === "" || redisUrl === "")("over real engines", () => {
  suite("on PostgreSQL and Redis", layerReal(databaseUrl, redisUrl, environment))
})
