export default function serve(): void {}
