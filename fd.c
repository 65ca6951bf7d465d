#include <lily_session.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <poll.h>
#define P "/tmp/brk/fd.jsonl"
static int rd(int fd,int ms){struct pollfd p={fd,POLLIN,0};return poll(&p,1,ms);}
static void get(lily_session_storage*s,const char*k){char*t=0;int r=lily_session_storage_get(s,k,&t,0);printf("get %s %d %s\n",k,r,t?t:"");lily_session_free(t);}
int main(){ unlink(P);
 lily_session_storage*a,*b; lily_session_storage_open(P,0,&a);lily_session_storage_open(P,0,&b);
 int fd=lily_session_storage_fd(a);
 lily_session_storage_set(b,"x","1",1,0); printf("wake %d\n",rd(fd,50)); get(a,"x"); printf("quiet %d\n",rd(fd,50));
 truncate(P,0); printf("after empty: %d\n",rd(fd,50)); get(a,"x"); printf("quiet %d\n",rd(fd,50));
 lily_session_storage_set(a,"y","1",1,0); printf("own set wake %d\n",rd(fd,50)); get(a,"y"); printf("quiet %d\n",rd(fd,50));
 for(int i=0;i<3;i++){ char v[2]={'1'+i,0}; lily_session_storage_set(b,"y",v,1,0); printf("b set: wake %d\n",rd(fd,200)); }
 get(a,"y"); }
