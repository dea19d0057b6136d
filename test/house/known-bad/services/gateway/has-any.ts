export const body: any = {}
