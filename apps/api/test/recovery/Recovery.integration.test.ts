import { describe } from "@effect/vitest"
import { inject } from "vitest"
import { layerReal } from "../TestApi.ts"
import * as ChangeEmail from "./ChangeEmailSuite.ts"
import * as PasswordReset from "./PasswordResetSuite.ts"
import * as VerifyEmail from "./VerifyEmailSuite.ts"

const [databaseUrl, redisUrl] = [inject("databaseUrl"), inject("redisUrl")]

describe.skipIf(databaseUrl === "" || redisUrl === "")("recovery", () => {
  for (const { suite } of [PasswordReset, VerifyEmail, ChangeEmail]) {
    suite("on PostgreSQL and Redis", (environment) => layerReal(databaseUrl, redisUrl, environment))
  }
})
