import { failureBody, type FailureCode, noPage } from "@user-service/schema/Envelope"
import { HttpServerResponse } from "effect/http"

/** The response for a failure outside any endpoint. */
export const failure = (
  status: number,
  code: FailureCode,
  message: string,
  headers: Readonly<Record<string, string>> = {}
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(failureBody({ code, message }), { status, headers })

/** The envelope of a success, from data that is JSON text. */
export const successText = (message: string, data: string): string =>
  `{"success":true,"message":${JSON.stringify(message)},"data":${data},"error":null,"meta":${noPageText}}`

const noPageText = JSON.stringify(noPage)
