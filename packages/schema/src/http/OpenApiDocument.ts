import { OpenApi } from "effect/http-api"
import { UserServiceApi } from "./UserServiceApi.ts"

/** The HTTP API as an OpenAPI 3.1 document. */
export const openApiDocument = OpenApi.fromApi(UserServiceApi)
