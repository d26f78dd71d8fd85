/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A system call by the door of 32-bit programs: getpid is number 20 there. Run twice by the test, outside
 * (does this kernel have the door at all?) and under the unit. Exit status: 0 answered, 1 refused; a filter
 * that kills ends it by SIGSYS.
 */
int main(void)
{
#if defined(__x86_64__)
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(20L)
			 : "memory", "r8", "r9", "r10", "r11");
	return result > 0 ? 0 : 1;
#else
	return 1;
#endif
}
