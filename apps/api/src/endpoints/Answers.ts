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

/** The envelope of a success, as the texts before and after its data. */
export const successParts = (message: string): { readonly before: string; readonly after: string } => ({
  before: `{"success":true,"message":${JSON.stringify(message)},"data":`,
  after: `,"error":null,"meta":${noPageText}}`
})

/** The envelope of a success, from data that is JSON text. */
export const successText = (message: string, data: string): string => {
  const { after, before } = successParts(message)
  return before + data + after
}

const noPageText = JSON.stringify(noPage)
