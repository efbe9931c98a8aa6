import { layerEmbedded } from "../TestApi.ts"
import * as ChangeEmail from "./ChangeEmailSuite.ts"
import * as PasswordReset from "./PasswordResetSuite.ts"
import * as VerifyEmail from "./VerifyEmailSuite.ts"

for (const { suite } of [PasswordReset, VerifyEmail, ChangeEmail]) suite("on the embedded engines", layerEmbedded)
