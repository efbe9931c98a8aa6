import { DocumentsApi } from "./DocumentsApi.ts"
import { UnsubscribeApi } from "./UnsubscribeApi.ts"
import { UserServiceApi } from "./UserServiceApi.ts"

/** All routes that the OpenAPI document has: those with the envelope, the documents, and the pages behind links. */
export const AllRoutesApi = UserServiceApi.add(DocumentsApi, UnsubscribeApi)
