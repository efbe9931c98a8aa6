import { openApiDocument } from "@user-service/schema/http/OpenApiDocument"
import { write } from "./DocumentFile.ts"

export const run = write(openApiDocument)
