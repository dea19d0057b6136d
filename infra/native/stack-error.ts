import { PenstockError } from '../../services/domain/outcome/penstock-error.ts'

/**
 * The native stack cannot do what it was asked, and the message says what to install, free or change. `code` names the cause:
 * MISSING_TOOL, DISK, PORT, CHECKSUM, DOWNLOAD, START, STATE, PLATFORM or USAGE.
 */
export class StackError extends PenstockError {}
